"""Which tests may run beside each other: `make test` has two workers."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Tests on lab hosts share these: one worker runs them, one after the other, and another one meanwhile the rest.

    What judges templates is among them, and last: it uses an image that molecule makes.
    """
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.xdist_group("lab"))
    items.sort(key=lambda item: (not item.get_closest_marker("lab"), item.path.parent.name == "templates"))
