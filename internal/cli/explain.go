package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reach/explain"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/reach/tell"
	"github.com/netassay/netassay/reports/render"
)

// explainFlags are what netassay explain can be told.
type explainFlags struct {
	source
	output string
}

func newExplain(stdio IO) *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain FROM TO PORT",
		Short: "Say which policy and rule decide a flow, and what nearly did",
		Long: `Names the policies, rules and peers that let one flow pass or keep it from passing, and what is near:
a selector that matches nothing, a label with a typing error, a port that no pod declares, an egress
without DNS, an ingress that the other end's egress denies, an ipBlock that holds pods or Services.

FROM and TO are as in netassay reach: "shop/web", "shop/app=web", an address, "world", "nodes".
PORT is 8080, 53/UDP, or the name of a port that TO declares.`,
		Example: `  netassay explain -f deploy/ shop/cart shop/db 5432
  netassay explain -f deploy/ -n shop web cart http
  netassay explain --context prod 203.0.113.9 shop/web 8080 -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 3 {
				return fmt.Errorf("got %d arguments: give three, %s FROM TO PORT", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return runExplain(c.Context(), stdio, f, args) },
	}
	f.register(c.Flags(), true)
	c.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	return c
}

func runExplain(ctx context.Context, stdio IO, f explainFlags, args []string) error {
	if err := suggest.OneOf("output format", f.output, "text", "json"); err != nil {
		return err
	}
	v, origin, err := f.read(ctx, stdio)
	if err != nil {
		return err
	}
	tellRead(stdio.Err, v, origin)
	m := matrix.Of(v, matrix.Options{})
	var ends [2]int
	for i, text := range args[:2] {
		found, err := m.Named(text, f.within())
		if err != nil {
			return err
		}
		if len(found) > 1 {
			return severalClasses(m, text, found)
		}
		ends[i] = found[0]
	}
	port, err := portOf(args[2], &m.Classes[ends[1]])
	if err != nil {
		return err
	}
	e, err := explain.Flow(v, m, ends[0], ends[1], port)
	if err != nil {
		return err
	}
	e.Notes = tell.Notes(v)
	if f.output == "json" {
		return render.JSON(stdio.Out, e)
	}
	return e.Text(stdio.Out)
}

// severalClasses is the error for a text that means more than one end.
func severalClasses(m *matrix.Matrix, text string, found []int) error {
	var names []string
	for _, i := range found[:min(len(found), 5)] {
		names = append(names, m.Classes[i].Name)
	}
	more := ""
	if len(found) > 5 {
		more = ", ..."
	}
	return fmt.Errorf("%q means %d groups of pods that policies tell apart (%s%s): name one", text, len(found), strings.Join(names, ", "), more)
}

// portOf reads 8080, 53/UDP, or the name of a port of the server.
func portOf(text string, server *matrix.Class) (explain.Port, error) {
	number, protocol, ok := strings.Cut(text, "/")
	if !ok {
		protocol = string(corev1.ProtocolTCP)
	}
	p := explain.Port{Protocol: corev1.Protocol(strings.ToUpper(protocol))}
	if !slices.Contains([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, p.Protocol) {
		return p, suggest.Unknown("protocol", protocol, []string{"TCP", "UDP", "SCTP"})
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err == nil && n > 0 {
		p.Number = uint16(n)
		return p, nil
	}
	var names []string
	for _, declared := range server.Pod.Ports {
		if declared.Name == text {
			return explain.Port{Protocol: declared.Protocol, Number: declared.Number}, nil
		}
		names = append(names, declared.Name)
	}
	if err != nil && !ok && len(names) > 0 {
		return p, suggest.Unknown("port of "+server.Name, text, names)
	}
	return p, fmt.Errorf("port %q is not like 8080 or 53/UDP, with a number from 1 to 65535", text)
}
