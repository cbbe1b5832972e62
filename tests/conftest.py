"""How the tests share two workers: `make test`."""

import pytest

BESIDE = ("tests/unit/", "tests/contract/", "tests/integration/test_provisioning.py")  # need no lab


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One worker runs all that may use lab hosts, which they share, one after the other; another one the rest."""
    from xdist.scheduler import LoadScopeScheduling

    class OneLab(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return nodeid if nodeid.startswith(BESIDE) else "lab"

    return OneLab(config, log)


def pytest_collection_modifyitems(items):
    """Templates are judged last: with the image that molecule makes."""
    items.sort(key=lambda item: item.path.parent.name == "templates")
