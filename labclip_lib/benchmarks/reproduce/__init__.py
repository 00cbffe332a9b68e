"""The papers' tables, theirs beside yours.

study: one backbone on one folder of benchmarks
papers: the numbers that the papers report, with their source
tables: the tables
table_figure: a table as a figure
report: the report as Markdown and HTML
"""
