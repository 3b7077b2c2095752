# shellcheck shell=bash
# What the recipes of this folder share. A recipe is run by itself and prints the finished install prefix on stdout:
#   docker/third_party/hiredis.sh   →   …/third_party/hiredis-1.2.0-4f0c…
# The prefix's name carries a hash of everything that shapes the result, so that an old one is never taken for a new one,
# and it appears by a rename, so that whatever is there is whole.
set -euo pipefail

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${RELEVO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/relevo}
export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}

# clang-16 on Debian 12 (its GCC 12 miscompiles coroutines, and one compiler for all is simplest); the machine's own elsewhere.
if command -v clang-16 >/dev/null; then
  export CC=clang-16 CXX=clang++-16
else
  export CC=${CC:-cc} CXX=${CXX:-c++}
fi

fail() { printf 'third party: %s\n' "$*" >&2; exit 1; }

# recipe NAME VERSION [INPUT…]: prints the prefix; if it isn't there, calls the recipe's `build PREFIX` in an empty folder.
# build installs below $DESTDIR, at PREFIX. INPUTs are further words that shape the result (another package's version).
recipe() {
  local version=$2 os hash prefix
  name=$1 # it and work are for the trap too, which runs when the locals are gone
  os=$(. /etc/os-release && echo "$ID-${VERSION_CODENAME:-}")
  hash=$({ cat "$recipes/recipe.sh" "$0"; $CC --version; echo "$os" "$@"; } | sha256sum | cut -c1-12)
  prefix=$cache/third_party/$name-$version-$hash
  if [[ ! -d $prefix ]]; then
    work=$cache/third_party/.building-$name
    mkdir -p "$cache/third_party"
    exec 9>"$work.lock"
    flock 9 # two setups at once (up and test): the second finds what the first built
    if [[ ! -d $prefix ]]; then
      rm -rf "$work" && mkdir -p "$work/source" && cd "$work/source"
      export DESTDIR=$work/root
      trap 'tail -n 40 "$work/log" >&2; fail "$name: failed, all of it in $work/log"' EXIT
      build "$prefix" >"$work/log" 2>&1
      trap - EXIT
      [[ -d $DESTDIR$prefix ]] || fail "$name: installed nothing below its prefix"
      mv -T "$DESTDIR$prefix" "$prefix"
      cd / && rm -rf "$work"
    fi
    flock -u 9
  fi
  printf '%s\n' "$prefix"
}

# npm_source PACKAGE@VERSION INTEGRITY: unpacks the published package into ./package.
npm_source() {
  local archive sum
  archive=$(npm pack --loglevel=error "$1" | tail -n 1)
  sum=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)
  [[ $sum == "$2" ]] || fail "$1: the archive's integrity is $sum, expected $2"
  tar -xzf "$archive"
}

# debian_source PACKAGE MINIMUM VERSION SHA256: unpacks Debian 13's source package, its patches applied, into ./PACKAGE.
# The mirror is the one that this machine's apt already uses; package lists, settings and keys are apt's own, in a folder
# of their own. apt checks every file against the archive's signature; the original tarball of VERSION is pinned besides.
# A point release may bring another upstream version: it is taken if it is at least MINIMUM, by the signature alone.
debian_source() {
  local package=$1 minimum=$2 version=$3 sha256=$4 found upstream
  local apt=(-o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State=$PWD/apt/state"
    -o "Dir::Cache=$PWD/apt/cache" -o Dir::State::status=/var/lib/dpkg/status -o "APT::Sandbox::User=$(id -un)")
  mkdir -p apt/state/lists/partial apt/cache/archives/partial
  apt-get indextargets --format '$(LABEL) $(CODENAME) $(REPO_URI)' 'Identifier: Packages' |
    awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$1 == "Debian" && $2 == codename && !seen++ {
      print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $3, "trixie main" }' >apt/sources.list
  [[ -s apt/sources.list ]] || fail "found no Debian mirror among apt's sources: run apt-get update first"
  apt-get "${apt[@]}" -q update
  apt-get "${apt[@]}" -q source --only-source "$package"
  mv "$package"-*/ "$package"
  found=$(dpkg-parsechangelog -l "$package/debian/changelog" -S Version)
  upstream=${found#*:} && upstream=${upstream%-*}
  if [[ $upstream == "$version" ]]; then
    sha256sum -c <<<"$sha256  $(ls "${package}_$version".orig.tar.*[!c])"
  elif dpkg --compare-versions "$upstream" ge "$minimum"; then
    echo "Debian 13 has $package $upstream, the pinned one is $version: taken, it is signed and at least $minimum"
  else
    fail "Debian 13 has $package $upstream, at least $minimum is needed"
  fi
}

# cmake_install SOURCE PREFIX [OPTION…]: an optimized static build with debug information, by way of ccache.
cmake_install() {
  local source=$1 prefix=$2
  shift 2
  cmake -S "$source" -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF \
    -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -g -DNDEBUG' -DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O2 -g -DNDEBUG' \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"
  cmake --build build
  cmake --install build
}
