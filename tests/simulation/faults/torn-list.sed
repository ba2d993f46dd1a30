# SPDX-License-Identifier: Apache-2.0
# fault: a list is shown although a gadget changed hands while it was read
# file: mod_locks/locks_list.c
# scenario: a list and moves within the course
s/return is_torn(op, \*locks) || is_outdated/return is_outdated/
