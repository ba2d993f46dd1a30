# SPDX-License-Identifier: Apache-2.0
# fault: a foreseen lease is believed that knows nothing of a slot of its owner
# file: mod_locks/locks_foreseen.c
# scenario: a list that foresees, and moves within the course
s/slot->id <= view->lease\.last/slot->id > 0/
