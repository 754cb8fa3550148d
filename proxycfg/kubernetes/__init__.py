"""Manifests of Kubernetes: what its controllers make of them, lowered to configs of the proxies that they run.

No target of its own: what a ``VirtualService`` does, the Envoy does that Istio configures. Each module here knows one controller, and builds
the config that it would write, as far as streams are concerned; the readers of Envoy and of nginx do the rest, and every place in their
answers is one in a manifest. See ``docs/decisions/0015-kubernetes.md``.
"""
