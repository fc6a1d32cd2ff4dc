package coverage

import "testing"

func TestMemoryForgetsWhatIsNotUsed(t *testing.T) {
	var m Memory
	known := func() int { return len(m.recent) + len(m.older) }
	m.Classify("used")
	m.Classify("not used again")
	m.Age()
	m.Classify("used")
	if known() != 3 { // one of them twice
		t.Errorf("%d texts are known", known())
	}
	m.Age()
	if _, ok := m.older["used"]; !ok || known() != 1 {
		t.Errorf("%v and %v are known, want what was used alone", m.recent, m.older)
	}
	m.Age()
	m.Age()
	if known() != 0 {
		t.Errorf("%d texts are known for ever", known())
	}
}
