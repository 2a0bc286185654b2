"""The eight emotions of FER+, in the order every score, column and model of this program uses (arXiv:1608.01041)."""

from typing import Final

EMOTIONS: Final = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
