"""Distils a dense Llama into a BlockFFN model of equal size, for the blockffn runtime."""

__version__ = "0.1.0"
