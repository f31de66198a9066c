#!/usr/bin/env bash
# The Debian packages: built, accepted by lintian, installed in a throw-away copy of this machine (an
# overlay over /), used there as a person does, purged with nothing left behind. With
# CALLGATE_SCALE=full they are built once more in another folder and must have the same bytes.
set -euo pipefail
source=${CALLGATE_SOURCE_DIR:?}

skip() {
  echo "skipped: $*"
  exit 77
}
for program in dpkg-buildpackage dh lintian lowdown unshare; do
  command -v $program >/dev/null || skip "not installed: $program"
done
[[ $(id -u) -eq 0 ]] || skip "a throw-away copy of this machine needs root"
unshare --mount true 2>/dev/null || skip "no mount namespaces here"
! dpkg-query -W callgate >/dev/null 2>&1 || skip "callgate is installed on this machine"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "== build"
packages=$source/build/deb  # as `make deb` does
"$source/packaging/build-deb" "$packages"
if [[ ${CALLGATE_SCALE:-quick} == full ]]; then
  echo "== the same bytes, built elsewhere without the cache of compilations"
  CCACHE_DISABLE=1 "$source/packaging/build-deb" "$folder/elsewhere"
  for package in "$packages"/*.deb; do
    cmp "$package" "$folder/elsewhere/$(basename "$package")"
  done
fi

echo "== lintian"
lintian --allow-root --fail-on error,warning "$packages"/*.changes

echo "== install, use, purge"
cat >"$folder/inside" <<'INSIDE'
set -euxo pipefail
# Names only: caches and lists of dpkg change their content.
everything() { find /bin /boot /etc /lib /opt /sbin /srv /usr /var -xdev \
  -not -path '/var/lib/dpkg/*' -not -path '/var/cache/*' -not -path '/var/log/*' | sort; }
cd /root
everything >before
dpkg -i /debs/*.deb
everything >installed

callgate --version
callgate doctor >doctor
callgate run --profile docker-default -- /bin/true
[[ $(man -w callgate) == /usr/share/man/man1/callgate.1.gz ]]
man -w callgate-run callgate.policy >/dev/null
man --warnings -l "$(man -w callgate-run)" 2>&1 >/dev/null | { ! grep .; }
bash -c 'source /usr/share/bash-completion/bash_completion
         _completion_loader callgate; complete -p callgate' | grep -q _callgate
zsh -f -c 'autoload -U compinit; compinit -u -D; print $_comps[callgate]' | grep -qx _callgate
[[ $(fish -c 'complete -C "callgate doct"') == doctor* ]]

mkdir worker
cat >worker/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(worker LANGUAGES C CXX)
find_package(callgate REQUIRED)
add_executable(sealed main.c)
callgate_add_policy(sealed sealed.policy)
add_executable(compiled main.cpp)
target_link_libraries(compiled PRIVATE callgate::callgate)
END
cat >worker/sealed.policy <<'END'
policy sealed
abi 6.12
otherwise allow
errno(EXDEV) mkdir, mkdirat
END
cat >worker/main.c <<'END'
#include <errno.h>
#include <sys/stat.h>
#include "sealed_policy.h"
int main(void) {
  if (callgate_install_embedded(&sealed_policy, 0).step != CALLGATE_STEP_NONE) return 1;
  return mkdir("new", 0700) == 0 || errno != EXDEV;
}
END
cat >worker/main.cpp <<'END'
#include <callgate/callgate.hpp>
#include <sys/stat.h>
#include <cerrno>
int main() {
  callgate::Policy policy{.name = "worker", .otherwise = callgate::allow};
  policy.abi = callgate::newest_release();
  policy.on("mkdir", callgate::deny(EXDEV)).on("mkdirat", callgate::deny(EXDEV));
  callgate::confine(policy).or_die();
  return ::mkdir("new", 0700) == 0 || errno != EXDEV;
}
END
cmake -S worker -B worker/build >/dev/null
cmake --build worker/build
worker/build/sealed
worker/build/compiled
g++ -std=c++20 worker/main.cpp -o by-pkg-config $(pkg-config --cflags --libs callgate)
./by-pkg-config
cat >c.c <<'END'
#include <callgate.h>
#include <errno.h>
#include <sys/stat.h>
int main(void) {
  if (callgate_confine("stdio", NULL, NULL) != 0) return 1;
  return mkdir("new", 0700) == 0 || errno != EPERM;
}
END
cc c.c -o c $(pkg-config --cflags --libs callgate-c)
./c

dpkg --purge callgate libcallgate-dev libcallgate0
everything >after
diff before after
[[ $(wc -l <installed) -gt $(($(wc -l <before) + 50)) ]]
[[ -z $(dpkg-query -W '*callgate*' 2>/dev/null) ]]
INSIDE
mkdir "$folder/over"
unshare --mount --propagation private bash -euc '
  cd "$1"
  mount -t tmpfs over over
  mkdir over/{upper,work,root}
  mount -t overlay -o lowerdir=/,upperdir=over/upper,workdir=over/work overlay over/root
  mkdir over/root/debs
  cp $(ls "$2"/*.deb | grep -v dbgsym) inside over/root/debs/
  for place in dev proc sys; do mount --rbind /$place over/root/$place; done
  chroot over/root /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    bash /debs/inside >inside.log 2>&1 || { cat inside.log; exit 1; }
' - "$folder" "$packages"
echo "all good"
