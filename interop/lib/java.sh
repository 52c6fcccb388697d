# Compiling and running the small Java programs of a folder. Sourced after checks.sh.

# Compiles into a folder of the cache that is named by the class path and the content of the sources; prints it.
compile() { # class-path source...
  local path=$1 key out
  shift
  key=$({ echo "$path"; cat "$@"; } | sha256sum | cut -c1-16)
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

# Prints the version of a jar.
jar_version() { # folder-of-jars artifact
  basename "$1/$2"-[0-9]*.jar .jar | sed "s/^$2-//"
}

# Runs a program of checks. Where -Dinterop.node is not empty the node is ours, and the program may print `node stop`,
# `node kill` or `node start`: that is done, and answered by a line.
java_checks() { # name seconds java-argument...
  local name=$1 seconds=$2 line from to pid status
  shift 2
  : > "$work/checks"
  coproc java_program { exec timeout "$seconds" java "-Dinterop.node=$node_ours" "$@" 2> "$work/errors"; }
  pid=$java_program_PID
  exec {from}<&"${java_program[0]}" {to}>&"${java_program[1]}"
  at_exit "kill $pid 2> /dev/null"
  while IFS= read -r -u "$from" line; do
    case $line in
      'node stop') node_stop; echo "$line" >&"$to" ;;
      'node kill') node_kill; echo "$line" >&"$to" ;;
      'node start') node_launch; echo "$line" >&"$to" ;;
      *) echo "$line" >> "$work/checks" ;;
    esac
  done
  wait "$pid"
  status=$?
  [ "$status" = 0 ] || grep -vE "^\s+(at|\.\.\.) " "$work/errors" | tail -20
  count "$name" "$work/checks" "$status"
}
