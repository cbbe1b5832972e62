"""How the tests share two workers: `make test`."""

import pytest

BESIDE = ("tests/unit/", "tests/contract/", "tests/integration/test_provisioning.py")  # need no lab
OF_ROLES = ("tests/test_molecule.py", "tests/templates/")  # have hosts of their own in it


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What uses the same lab hosts runs one after the other: all that deploys is one part, what tests roles another."""
    from xdist.scheduler import LoadScopeScheduling

    class OneLab(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            if nodeid.startswith(BESIDE):
                return nodeid
            return "roles" if nodeid.startswith(OF_ROLES) else "lab"

    return OneLab(config, log)


def pytest_collection_modifyitems(items):
    """Templates are judged last: with the image that molecule makes."""
    items.sort(key=lambda item: item.path.parent.name == "templates")
