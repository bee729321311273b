"""
ResNet-18 beside the package rebasin (0.0.47), which aligns PyTorch modules by the same algorithm in float32.
Usage: rebasin.py make A.pt B.pt       two state dicts of torchvision's resnet18, seeds 0 and 1
       rebasin.py align A.pt B.pt      prints: seconds of tracing, of matching, of all processors, distance before and after, largest change of an output
       rebasin.py save A.pt B.pt OUT   what a user's script does and no more: reads both, brings B's units into A's order, saves it
"""
import sys
import time

sys.path.pop(0)  # This file has the name of the package.
import torch
import torchvision

what, *files = sys.argv[1:]
out = files.pop() if what == "save" else None


def resnet():
    return torchvision.models.resnet18(weights=None).eval()


if what == "make":
    for seed, file in enumerate(files):
        torch.manual_seed(seed)
        torch.save(resnet().state_dict(), file)
else:
    from rebasin import PermutationCoordinateDescent

    a, b = resnet(), resnet()
    for model, file in ((a, files[0]), (b, files[1])):
        model.load_state_dict(torch.load(file))

    if what == "save":
        PermutationCoordinateDescent(a, b, torch.randn(1, 3, 224, 224)).rebasin()
        torch.save(b.state_dict(), out)
        sys.exit()

    def distance():
        return sum(((p.double() - q.double()) ** 2).sum().item() for p, q in zip(a.parameters(), b.parameters())) ** 0.5

    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        before, outputs = distance(), b(x)
        start, cpu = time.perf_counter(), time.process_time()
        search = PermutationCoordinateDescent(a, b, x)
        traced = time.perf_counter()
        search.rebasin()
        done = time.perf_counter()
        print("RESULT", traced - start, done - traced, time.process_time() - cpu, before, distance(), (b(x) - outputs).abs().max().item())
