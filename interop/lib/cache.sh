# The folder that keeps what the scripts here download and compile. Sourced.
INTEROP_CACHE=${MILLSTREAM_INTEROP_CACHE:-$HOME/.cache/millstream-interop}
mkdir -p "$INTEROP_CACHE"
