#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh deb.sh TARBALL VERSION FOLDER
#
# Builds the Debian packages from the release's tarball, in a folder that is
# made anew; for make deb. Debian wants the packaging in a folder "debian" at
# the top, so it is put there in the unpacked sources.
set -eu

[ $# -eq 3 ] || {
    sed -n 's/^# Usage: /Usage: /p' "$0" >&2
    exit 2
}
tarball=$1
version=$2
folder=$3
source=libapache2-mod-locks

die() {
    printf 'make deb: %s\n' "$*" >&2
    exit 1
}

command -v dpkg-buildpackage >/dev/null ||
    die "dpkg-buildpackage not found: apt-get install dpkg-dev debhelper"

rm -rf "$folder"
mkdir -p "$folder/$source-$version"
cp "$tarball" "$folder/${source}_$version.orig.tar.gz"
cd "$folder/$source-$version"
gzip -dc "../${source}_$version.orig.tar.gz" |
    tar -xf - --strip-components=1
cp -R conf/debian debian

packaged=$(dpkg-parsechangelog -S Version)
[ "${packaged%-*}" = "$version" ] ||
    die "conf/debian/changelog is of $packaged, configure.ac of $version"

# What make tells its children is not for the package's own make.
unset MAKEFLAGS MFLAGS MAKELEVEL
dpkg-buildpackage -us -uc

printf 'Built in %s:\n' "$folder"
cd .. && ls ./*.deb
