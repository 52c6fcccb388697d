// Transactions of franz-go. Usage: kgo HOST:PORT [NAME], or kgo copy HOST:PORT INPUT OUTPUT GROUP INSTANCE
package main

import "os"

func main() {
	if len(os.Args) == 7 && os.Args[1] == "copy" {
		copier(os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6])
		return
	}
	checks()
}
