# The pinned Python packages of a folder, and running what needs them. Sourced after checks.sh.
python_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/python

# Leaves in $python an interpreter of an environment in the cache, which is named by the content of the requirements.
python_install() { # folder requirements-file... of that folder
  local environment file
  environment=$INTEROP_CACHE/$(basename "$1")-$(cd "$1" && shift && cat "$@" | sha256sum | cut -c1-16)
  python=$environment/bin/python
  [ -f "$environment/.complete" ] && return
  rm -rf "$environment"
  python3 -m venv "$environment" > "$work/pip" 2>&1 || cannot "$(tail -5 "$work/pip")"
  for file in "${@:2}"; do
    timeout 600 "$python" -m pip install -q --disable-pip-version-check -r "$1/$file" >> "$work/pip" 2>&1 || cannot "$(tail -5 "$work/pip")"
  done
  touch "$environment/.complete"
}

# Leaves in $source the unpacked source package of the version that a folder's requirements pin. It is in the cache.
python_source() { # folder package
  local version
  version=$(python_version "$1" "$2")
  source=$INTEROP_CACHE/$2-$version-source
  [ -f "$source/.complete" ] && return
  rm -rf "$source"
  mkdir -p "$source"
  timeout 300 "$python" -m pip download -q --disable-pip-version-check --no-deps --no-binary :all: -d "$work/source" "$2==$version" > "$work/pip" 2>&1 &&
    tar xzf "$work/source"/*.tar.gz --strip-components=1 -C "$source" || cannot "$(tail -5 "$work/pip")"
  touch "$source/.complete"
}

# Runs the folder's checks.py against the node, and counts its checks.
python_checks() { # folder seconds [name]
  local status
  PYTHONPATH=$python_lib PYTHONDONTWRITEBYTECODE=1 timeout "$2" "$python" -u "$1/checks.py" "$BOOTSTRAP" "${@:3}" > "$work/checks" 2>&1
  status=$?
  count "$(basename "$1")" "$work/checks" "$status"
}

# Says which version of the client the folder's requirements pin.
python_client() { # folder [package, where the folder is not named like it]
  local package=${2:-$(basename "$1")}
  echo "client: $package $(python_version "$1" "$package")"
}

python_version() { # folder package
  sed -n "s/^$2==//p" "$1/requirements.txt"
}
