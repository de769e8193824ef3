package probe

import (
	"net/netip"
	"sync"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// How long receipts are kept: between one and two generations.
const (
	generation    = 30 * time.Second
	maxGeneration = 500_000
)

// book keeps the receipts of all probers for a while.
type book struct {
	mu      sync.Mutex
	pages   [2]page // the current one, and the one before
	turned  time.Duration
	changed chan struct{} // closed at the next receipt
}

type page struct {
	byNonce map[uint64]Receipt
	byTuple map[tuple]Receipt // of those without a nonce
}

// tuple is a flow as both ends see it. The destination belongs to it: clients use the same
// source port for several at a time.
type tuple struct {
	protocol string
	from, to netip.AddrPort
}

func newPage() page {
	return page{byNonce: map[uint64]Receipt{}, byTuple: map[tuple]Receipt{}}
}

func newBook() *book {
	return &book{pages: [2]page{newPage(), newPage()}, turned: Now(), changed: make(chan struct{})}
}

// oneProbe is within what time receipts of one flow are of one probe. Nobody uses the same
// two ports again so soon.
const oneProbe = time.Second

// add enters the receipts of one prober. Of several receipts for one probe the first
// counts: the others are copies of a packet that was sent again.
func (b *book) add(receiver string, translate func(time.Duration) time.Duration, receipts []wire.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	for _, r := range receipts {
		entry := Receipt{
			Kind: r.Kind, Receiver: receiver, Nonce: r.Nonce, From: r.From, To: r.To, Port: r.Port,
			Protocol: r.Protocol, At: translate(r.At),
		}
		if r.Nonce == 0 {
			key := tuple{r.Protocol, r.From, netip.AddrPortFrom(r.To, r.Port)}
			if first, known := b.pages[0].byTuple[key]; !known || entry.At-first.At > oneProbe {
				b.pages[0].byTuple[key] = entry
			}
		} else if _, known := b.nonce(r.Nonce); !known {
			b.pages[0].byNonce[r.Nonce] = entry
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *book) turn() {
	now, size := Now(), len(b.pages[0].byNonce)+len(b.pages[0].byTuple)
	if now-b.turned > generation || size > maxGeneration {
		b.pages = [2]page{newPage(), b.pages[0]}
		b.turned = now
	}
}

func (b *book) nonce(n uint64) (Receipt, bool) {
	for _, p := range b.pages {
		if r, ok := p.byNonce[n]; ok {
			return r, true
		}
	}
	return Receipt{}, false
}

// find is the receipt for an observation: by its nonce, else by its addresses when the
// time fits. Behind a Service the addresses differ, and only a nonce is found.
func (b *book) find(o *Observation) (Receipt, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.nonce(o.Nonce); ok {
		return r, true
	}
	key := tuple{o.Protocol, netip.AddrPortFrom(o.Local, o.LocalPort), o.To}
	for _, p := range b.pages {
		if r, ok := p.byTuple[key]; ok && r.At > o.Sent-Grace && r.At < o.Done+Grace {
			return r, true
		}
	}
	return Receipt{}, false
}

// next is closed when something has been added after the call.
func (b *book) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}
