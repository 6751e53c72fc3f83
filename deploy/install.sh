#!/bin/sh
# 安装、升级、卸载 Installs, upgrades and removes Pingjia, as root and without internet (docs/install.md):
#   ./install.sh hall|centre [--answers FILE]     大厅网关或省级归集系统
#   ./install.sh upgrade                          from the newer bundle
#   ./install.sh rollback [hall|centre]           back to what was there before the upgrade
#   ./install.sh uninstall [--purge]              with --purge also settings and all ratings
# This part finds a Python and looks whether the bundle is whole; the rest is in installer/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -d "$here/wheels" ]; then
  (cd "$here" && sha256sum --quiet -c SHA256SUMS) >&2 || {
    echo "install.sh: this bundle is damaged (the lines above): copy it here again" >&2
    exit 1
  }
fi
for python in ${PINGJIA_PYTHON:+"$PINGJIA_PYTHON"} "$here/python/bin/python3" \
  python3.13 python3.11 python3 /usr/bin/python3; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  case " $(cut -d' ' -f3- "$here/VERSION") " in
  *" $version "*) cd "$here" && exec "$python" -B -m installer "$@" ;;
  esac
done
echo "install.sh: no Python of $(cut -d' ' -f3- "$here/VERSION") is here: install one of them" \
  "(Debian 12: apt install python3), or name it: PINGJIA_PYTHON=/path/python3 ./install.sh" >&2
exit 1
