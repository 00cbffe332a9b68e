"""The doors of the library: names that load when they are first used.

As lazy-loader does it, in a dozen lines of our own, because `doctor` has to answer where nothing is installed.
"""

import importlib


def door(package, names):
    """`__getattr__`, `__dir__` and `__all__` of a package that gives names of its modules, each loaded on first use.

    package: its `__name__`. names: {module of the package: the names it gives, separated by spaces}.
    """
    module_of = {name: module for module, given in names.items() for name in given.split()}

    def load(name):
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return load, lambda: sorted(module_of), sorted(module_of)
