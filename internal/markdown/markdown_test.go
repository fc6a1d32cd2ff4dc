package markdown

import "testing"

func TestEscape(t *testing.T) {
	const text = "a|b *c* _d_ `e` <b> [f](g) # h \\ i\nj"
	const want = "a\\|b \\*c\\* \\_d\\_ \\`e\\` \\<b> \\[f](g) \\# h \\\\ i j"
	if got := Escape(text); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
