# SPDX-License-Identifier: Apache-2.0
import shutil
import tempfile

import pytest

from harness.site import Site


@pytest.fixture(scope="module")
def make_site():
    """Makes sites that end with the module's tests."""
    sites = []
    folders = []

    def make(**options):
        folders.append(tempfile.mkdtemp(prefix="mod_locks-"))
        sites.append(Site(folders[-1], **options))
        return sites[-1]

    yield make
    try:
        for site in sites:
            site.stop()
    finally:
        for folder in folders:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def site(make_site):
    return make_site()
