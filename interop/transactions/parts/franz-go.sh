# franz-go, with its sessions of groups. Sourced by run.
go_build "$here/kgo"
go_run "$only"
clients+=("franz-go $(sed -n 's/.*franz-go \(v[^ ]*\)$/\1/p' "$here/kgo/go.mod" | head -1)")
