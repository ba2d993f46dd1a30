# SPDX-License-Identifier: Apache-2.0
"""The keys of the module's records, which say what server has them."""

import hashlib
import re


def lease_key(user):
    """IDs that fit memcached's rules are spelled out."""
    spelled = user.user_id
    if not re.fullmatch("[!-~]{1,40}", spelled) or spelled[0] == "#":
        spelled = "#" + hashlib.sha1(spelled.encode()).hexdigest()
    return f"locks:lease:gadget:{spelled}"


def slots_key(course):
    return f"locks:slots:gadget:{course.id}"
