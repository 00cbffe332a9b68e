"""The figures: functions of numbers.

style: the palette and style of all figures
shared: the figures that several chapters draw
grouped: accuracies in groups of bars
chapter1: the figures of chapter 1
chapter2: the figures of chapter 2
chapter3: the figures of chapter 3
chapter4: the figures of chapter 4
chapter5: the figures of chapter 5
chapter6: the figures of chapter 6
chapter7: the figures of chapter 7
chapter8: the figures of chapter 8
"""
