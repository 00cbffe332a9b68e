"""From one instructor's notebook to all others.

setup_cell: the cell that opens every notebook
leaks: where lines of text can be read
products: the student's, the solution and Colab's notebook; whether a solution leaks
"""
