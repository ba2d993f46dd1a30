#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh conf/www/shrink.sh >conf/www/locks.js
#
# Makes what sites ship of locks.src.js: terser takes comments, blanks and long
# names out. Debian 12 has it; other versions may write it otherwise.
set -eu

cd "$(dirname "$0")"
printf '%s\n' '// SPDX-License-Identifier: Apache-2.0' \
    '// mod_locks: made of locks.src.js, where everything is explained.'
exec "${TERSER:-terser}" --module --ecma 2020 --compress passes=2 --mangle \
    --format ascii_only <locks.src.js
