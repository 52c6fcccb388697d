# What Debian packages for a folder. Sourced after checks.sh.

debian_install() { # command=package...
  local need packages=() as_root=()
  for need in "$@"; do command -v "${need%%=*}" > /dev/null || packages+=("${need#*=}"); done
  [ "${#packages[@]}" = 0 ] && return
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  { timeout 300 "${as_root[@]}" apt-get update -q &&
    timeout 300 "${as_root[@]}" apt-get install -y -q --no-install-recommends "${packages[@]}"; } > "$work/apt" 2>&1 ||
    cannot "there is no ${packages[*]}, and it could not be installed: $(tail -2 "$work/apt")"
}

# Leaves in $source the unpacked sources, as they were published, of a package that is installed. They are in the cache.
debian_source() { # package
  local version options
  version=$(dpkg-query -W -f '${Version}' "$1") || cannot "$1 is not a package of Debian here: its sources are not known"
  source=$INTEROP_CACHE/$1-$version-source
  [ -f "$source/.complete" ] && return
  rm -rf "$source"
  mkdir -p "$source" "$work/apt.d/lists/partial" "$work/apt.d/parts"
  # The machine's own sources of packages, asked for source packages.
  sed -s 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/*.sources > "$work/apt.d/parts/all.sources" 2> /dev/null
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null | sed -n 's/^deb /deb-src /p' > "$work/apt.d/parts/all.list"
  options=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt.d/parts" -o "Dir::State::lists=$work/apt.d/lists" -o "Dir::Cache=$work/apt.d")
  (cd "$work/apt.d" && timeout 300 apt-get update "${options[@]}" &&
    timeout 300 apt-get source --tar-only "${options[@]}" "$1=$version" &&
    tar xf ./*.orig.tar.* --strip-components=1 -C "$source") > "$work/apt" 2>&1 || cannot "$(tail -5 "$work/apt")"
  touch "$source/.complete"
}
