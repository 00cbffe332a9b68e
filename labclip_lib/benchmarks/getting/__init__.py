"""Getting a benchmark from its publisher.

catalog: what each benchmark needs, under which licence
download: one file, resumed where it stopped
unpack: archives, checked as hostile input
inventory: what is there and what is missing
get: what the verb `get` does
"""
