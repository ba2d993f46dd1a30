# SPDX-License-Identifier: Apache-2.0
"""The keys of the module's records, which say what server has them."""

import hashlib


def lease_key(user):
    digest = hashlib.sha1(user.user_id.encode()).hexdigest()
    return f"locks:lease:gadget:{digest}"


def slots_key(course):
    return f"locks:slots:gadget:{course.id}"
