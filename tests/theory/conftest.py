import pytest
from finite import make


@pytest.fixture(scope="module")
def full():
    return make()


@pytest.fixture(scope="module")
def half():
    """Only one scene of each twin pair occurs."""
    return make(twins="one")
