"""The papers' tables, with the papers' figures beside one's own.

study: one backbone on one folder of benchmarks
papers: the figures that the papers report, each with its source
names: the names of the tables, and what is in each
tables: the rows of each table
table_figure: a table as a figure
report: the report as Markdown and HTML
"""
