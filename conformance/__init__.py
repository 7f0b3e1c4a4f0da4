"""Conformance suite for padding: who pads a convolution how, who is right, and why not."""

__version__ = "0.1.0"
