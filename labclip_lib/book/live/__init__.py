"""PocketCLIP in the reader's browser: Python writes its numbers, the modules in js/ do the rest.

export: PocketCLIP's towers, and tables beside them, as files of a website
playground: what the playground fits and shows before its reader touches it
"""
