package coverage

import "sync"

// Memory remembers what [Classify] made of texts: most of them come again at
// each refresh, and to classify one costs more than to receive a row. The zero
// value is empty. It is safe for concurrent use.
type Memory struct {
	mu     sync.Mutex
	recent map[string]Issue // used since the last Age
	older  map[string]Issue // used since the one before
}

// Classify returns what the function Classify does.
func (m *Memory) Classify(raw string) Issue {
	m.mu.Lock()
	defer m.mu.Unlock()
	if issue, ok := m.recent[raw]; ok {
		return issue
	}
	issue, ok := m.older[raw]
	if !ok {
		issue = Classify(raw)
	}
	if m.recent == nil {
		m.recent = map[string]Issue{}
	}
	m.recent[raw] = issue
	return issue
}

// Age forgets what has not been used since the last call of it.
func (m *Memory) Age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.older, m.recent = m.recent, nil
}
