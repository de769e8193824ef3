// Command node-image makes sure that Docker has the node image of the clusters that kind
// starts, and says its name:
//
//	go run ./hack/node-image
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/netassay/netassay/clusters/nodeimage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	img, err := nodeimage.Ensure(ctx, nodeimage.Options{Progress: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, "node-image:", err)
		os.Exit(1)
	}
	for _, p := range img.Parts {
		fmt.Fprintf(os.Stderr, "%8.1f s  %s\n", p.Seconds, p.Name)
	}
	fmt.Fprintf(os.Stderr, "%8.1f s  in all\n", img.Seconds)
	fmt.Println(img.Ref)
}
