# Compiling the small Java programs of a folder. Sourced after checks.sh.

# Compiles into a folder of the cache that is named by the sources' content; prints it.
compile() { # class-path source...
  local path=$1 key out
  shift
  key=$(cat "$@" | sha256sum | cut -c1-16)
  out=$INTEROP_CACHE/classes/$(basename "$(dirname "$(dirname "$1")")")-$key
  if [ ! -f "$out/.complete" ]; then
    command -v javac >/dev/null || { echo "javac is needed (a JDK, 17 or newer)" >&2; return 1; }
    rm -rf "$out"
    mkdir -p "$out"
    javac -Xlint:all -Werror -cp "$path" -d "$out" "$@" >&2 || return 1
    touch "$out/.complete"
  fi
  echo "$out"
}
