package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

const (
	// maxComparisons is how many passwords of all clients wait to be compared.
	maxComparisons = 32
	// maxComparisonsOfOne is how many of them one client may have.
	maxComparisonsOfOne = 4
)

// verdict is what becomes of a client's password.
type verdict int

const (
	wrong   verdict = iota // or there is none
	right                  // or none is wanted
	tooMany                // it was not compared: others wait already
)

// passwords checks the passwords of clients.
//
// To compare one takes a core tens of milliseconds and more, which is the
// purpose of bcrypt and a gift to whoever sends many wrong ones. So they are
// compared one at a time, few may wait for it, and fewer of one client, while
// one that was right is remembered: whoever was let in once need not wait. It is
// safe for concurrent use.
type passwords struct {
	waiting *seats
	turn    chan struct{} // holds a value while one is compared

	mu    sync.Mutex
	right map[string][sha256.Size]byte // by user, of the hash and the password
}

func newPasswords() *passwords {
	return &passwords{
		waiting: newSeats(maxComparisons, maxComparisonsOfOne),
		turn:    make(chan struct{}, 1),
		right:   map[string][sha256.Size]byte{},
	}
}

// check judges a request by a policy.
func (p *passwords) check(r *http.Request, asked *policy) verdict {
	if len(asked.users) == 0 {
		return right
	}
	user, password, given := r.BasicAuth()
	if !given {
		return wrong
	}
	secret, known := asked.users[user]
	hash := []byte(secret)
	if !known {
		hash = asked.decoy // takes as long as the costliest, so that nobody learns who exists
	}
	digest := sha256.Sum256([]byte(string(hash) + "\x00" + password))
	if known && p.remembers(user, digest) {
		return right
	}
	leave, ok := p.waiting.take(r)
	if !ok {
		return tooMany
	}
	defer leave()
	select {
	case p.turn <- struct{}{}:
	case <-r.Context().Done():
		return tooMany
	}
	err := bcrypt.CompareHashAndPassword(hash, []byte(password))
	<-p.turn
	if err != nil || !known {
		return wrong
	}
	p.remember(user, digest)
	return right
}

func (p *passwords) remembers(user string, digest [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	remembered, ok := p.right[user]
	return ok && subtle.ConstantTimeCompare(remembered[:], digest[:]) == 1
}

func (p *passwords) remember(user string, digest [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.right[user] = digest
}
