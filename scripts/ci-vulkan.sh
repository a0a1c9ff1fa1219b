#!/usr/bin/env bash
# Installs Mesa's software Vulkan, so that the WebGPU engine can be tested on a machine without a GPU. Debian and Ubuntu; does
# nothing where it is there already. Dawn wants Mesa 25 or newer: where the release's own is older, from its backports suite.
set -euo pipefail

sudo=$([ "$(id -u)" = 0 ] && echo "" || echo sudo)
export DEBIAN_FRONTEND=noninteractive
major() { sed -E 's/^([0-9]+:)?([0-9]+)\..*/\2/'; }
# dpkg-query's own status of a package that was never installed is an error, and its version then empty.
installed=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null | major || true)
if [ "${installed:-0}" -ge 25 ] && dpkg-query -W libvulkan1 >/dev/null 2>&1; then
  echo "Mesa's Vulkan $installed is installed."
  exit 0
fi

$sudo apt-get update -q
candidate=$(apt-cache policy mesa-vulkan-drivers | awk '/Candidate:/ { print $2 }' | major)
from=()
if [ "${candidate:-0}" -lt 25 ]; then
  . /etc/os-release
  suite="$VERSION_CODENAME-backports"
  # The machine's own source of this release, with another suite: its address and its key are this machine's affair.
  list=/etc/apt/sources.list.d/cyclesweep-backports
  deb822=$(grep -lE "^Suites:.*\b$VERSION_CODENAME\b" /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1 || true)
  if [ -n "$deb822" ]; then
    awk -v RS= -v code="$VERSION_CODENAME" '$0 ~ "Suites:[^\n]*" code "( |\n|$)" { print; exit }' "$deb822" |
      sed "s/^Suites:.*/Suites: $suite/" | $sudo tee "$list.sources" >/dev/null
  else
    grep -hE "^deb .* $VERSION_CODENAME " /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | head -n 1 |
      sed -E "s/ $VERSION_CODENAME / $suite /" | $sudo tee "$list.list" >/dev/null
  fi
  $sudo apt-get update -q
  from=(-t "$suite")
fi
$sudo apt-get install -y -q --no-install-recommends "${from[@]}" mesa-vulkan-drivers libvulkan1
