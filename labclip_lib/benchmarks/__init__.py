"""Benchmarks of real pictures and captions: one file each, all with one face (see `records.py`)."""
