// Command image builds the enforcer's image from the program and this Debian machine's
// iptables and ipset:
//
//	go run ./hack/image PROGRAM VERSION ARCHIVE ROOT
//
// ARCHIVE is for docker load, ctr image import and kind load image-archive; ROOT is the
// plain root filesystem, for docker import.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/netassay/netassay/internal/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/image PROGRAM VERSION ARCHIVE ROOT")
		os.Exit(2)
	}
	const name = "netassay/enforcer"
	o := image.Options{
		Program: os.Args[1], Path: "/enforcer", Packages: image.EnforcerPackages(),
		Refs: []string{image.Ref(name, os.Args[2]), name + ":latest"}, Archive: os.Args[3], Root: os.Args[4],
	}
	if err := image.Build(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Printf("%s: %s\n", o.Archive, o.Refs[0])
}
