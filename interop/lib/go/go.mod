module millstream/interop

go 1.24
