#!/bin/sh
# Builds dist/overt_VERSION_ARCH.deb: the recorder and its commands for the Python of the
# system that builds it, with every library at the version of requirements/app.lock.
set -eu
cd "$(dirname "$0")/.."
python=${SYSTEM_PYTHON:-/usr/bin/python3}
uv=${UV:-.venv/bin/uv}
out=${1:-dist}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root="$work/root"

"$uv" build -q --wheel -o "$work" .
wheel=$(echo "$work"/overt-*.whl)
version=$(basename "$wheel" | cut -d- -f2)
arch=$(dpkg --print-architecture)
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')

mkdir -p "$root/usr/lib/overt" "$root/usr/bin" "$root/usr/share/doc/overt" "$root/DEBIAN"
"$uv" pip install -q --python "$python" --target "$root/usr/lib/overt" \
  --no-build -c requirements/app.lock "overt[mask,keyring] @ file://$wheel"
rm -rf "$root/usr/lib/overt/bin" "$root/usr/lib/overt/.lock"
find "$root" -name __pycache__ -type d -prune -exec rm -rf {} +
cp LICENSE "$root/usr/share/doc/overt/copyright"

cat > "$root/usr/bin/overt" <<'PROGRAM'
#!/usr/bin/python3
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib/overt"))
os.environ["PYTHONPATH"] = os.path.realpath(sys.path[0])  # for the processes it starts
from overt.cli.__main__ import main
main()
PROGRAM
chmod 755 "$root/usr/bin/overt"

size=$(du -sk "$root/usr" | cut -f1)
cat > "$root/DEBIAN/control" <<CONTROL
Package: overt
Version: $version
Architecture: $arch
Maintainer: The overt authors <overt@example.org>
Installed-Size: $size
Depends: python3 (>= $minor), python3 (<< $next), at-spi2-core, dbus
Recommends: python3-tk
Section: utils
Priority: optional
Description: records how people work at a computer, openly and with each person's say
 The recorder and the commands of overt. Installing it records nothing: a participant
 enrols, consents and unlocks their own keys before anything is recorded, sees an
 indicator while it is, and starts it at log-in only by their own command.
CONTROL
# everything of this package belongs to root; nothing runs at installation
dpkg-deb --root-owner-group -Zgzip -z6 --build "$root" "$out/overt_${version}_${arch}.deb" >/dev/null
echo "$out/overt_${version}_${arch}.deb"
