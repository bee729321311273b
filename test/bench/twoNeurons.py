"""Trains 2-2-1 ReLU networks by the recipe of Laurent et al. (2023) in PyTorch and prints seconds a network.

Usage: python3 twoNeurons.py DATA.npz NETWORKS. Needs torch and numpy (Debian: python3-torch python3-numpy).
"""
import sys
import time

import numpy as np
import torch

torch.set_num_threads(1)
data = np.load(sys.argv[1])
x = torch.tensor(data["x"], dtype=torch.float32)
y = torch.tensor(data["y"], dtype=torch.float32)
count = int(sys.argv[2])
kept = 0
start = time.perf_counter()
for seed in range(count):
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    optimiser = torch.optim.SGD(network.parameters(), lr=2.0)
    for _ in range(10):
        total = 0.0
        for batch in torch.randperm(len(y)).split(10):
            optimiser.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x[batch])[:, 0], y[batch])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
    kept += total / len(y) <= 0.01
print((time.perf_counter() - start) / count, kept / count)
