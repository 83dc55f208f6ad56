"""The real servers the tests talk to: MiniStack with our rules, a fake AWS of our own, and the incidents deployed on them."""
