"""Getting a benchmark from its publisher.

catalog: what each benchmark needs, under which licence
download: one file, resumed where it stopped
unpack: archives, checked as hostile input
inventory: which parts are there, and which are missing
get: the verb `get`
"""
