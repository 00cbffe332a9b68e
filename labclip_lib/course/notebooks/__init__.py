"""From one instructor's notebook to all others.

setup_cell: the cell that opens every notebook
products: the student's, the solution and Colab's notebook; what leaks
"""
