#!/bin/sh
# Install the Debian packages named as arguments that are missing; without root, print the line that does it.
# What is needed: Python with venv, and the libraries that Qt and VTK draw with.
set -eu

command -v dpkg-query >/dev/null 2>&1 || exit 0

missing=""
"${PYTHON:-python3}" -c "import ensurepip, venv" 2>/dev/null || set -- "$@" python3 python3-venv
for package in "$@"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  # a renamed package (libglib2.0-0t64) counts as installed too
  [ "$status" = installed ] || status=$(dpkg-query -W -f '${db:Status-Status}' "${package}t64" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  echo "Installing Debian packages:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "These Debian packages are missing. Install them, then run make again:" >&2
  echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi
