#!/bin/sh
# Installs the system packages of the demonstration, and with `tests` those of the tests:
# by apt when root, else says what to install. Quiet when nothing is missing.
set -eu
packages=""
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
need Xvfb xvfb
need openbox openbox
need dbus-daemon dbus
# a GTK 3 window for the capture bench and the tests of fields
need zenity zenity
need node nodejs
need npm npm
[ -x /usr/libexec/at-spi-bus-launcher ] || [ -x /usr/lib/at-spi2-core/at-spi-bus-launcher ] || packages="$packages at-spi2-core"
[ -d /usr/share/fonts/truetype/dejavu ] || packages="$packages fonts-dejavu-core"
[ -d /usr/share/fonts/truetype/liberation ] || [ -d /usr/share/fonts/truetype/liberation2 ] || packages="$packages fonts-liberation"
need softhsm2-util softhsm2
[ -n "$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null)" ] || packages="$packages postgresql"
if [ "${1:-}" = tests ]; then  # monitors that are plugged, a terminal, windows of other toolkits
  need Xorg xserver-xorg-core
  need xrandr x11-xserver-utils
  need xterm xterm
  need sudo sudo
  [ -e /usr/lib/xorg/modules/drivers/dummy_drv.so ] || packages="$packages xserver-xorg-video-dummy"
  /usr/bin/python3 -c "import PyQt5.QtWidgets" 2>/dev/null || packages="$packages python3-pyqt5"
  /usr/bin/python3 -c "import gi; gi.require_version('Gtk', '4.0')" 2>/dev/null || packages="$packages python3-gi gir1.2-gtk-4.0"
fi
browser=$(command -v chromium || true)
if [ -z "$browser" ]; then
  if grep -qs '^ID=ubuntu' /etc/os-release; then
    echo "Ubuntu's chromium package only points to a snap, which cannot run here." >&2
    echo "What works: Debian, or a chromium of your own on PATH (a .deb or a wrapper script named chromium)." >&2
    exit 2
  fi
  packages="$packages chromium"
fi
[ -n "$packages" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing:$packages"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
  echo "These system packages are missing:$packages" >&2
  echo "Install them (Debian: apt-get install$packages), then run this again." >&2
  exit 2
fi
