"""Writes media/digits.npz: 45 images of each handwritten digit, 8 × 8 pixels of 0 … 16, and their labels, class by class in turn.

From "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository, CC BY 4.0), as scikit-learn
1.x ships it: the first 45 of each class. Run: python3 build/digits.py
"""
import numpy as np
from sklearn.datasets import load_digits

EACH = 45
data = load_digits()
places = [np.flatnonzero(data.target == digit)[:EACH] for digit in range(10)]
order = np.array([place[k] for k in range(EACH) for place in places])
np.savez_compressed("media/digits.npz", x=data.images[order].astype(np.uint8), y=data.target[order].astype(np.uint8))
