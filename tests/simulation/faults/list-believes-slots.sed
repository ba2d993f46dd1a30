# SPDX-License-Identifier: Apache-2.0
# fault: a list leaves out whom the slots it read did not show
# file: mod_locks/locks_list.c
# scenario: a list and moves within the course
s/if (view->lease.id > snapshot->slots.last \&\&/if (0 \&\&/
