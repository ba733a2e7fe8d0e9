{{- /* Kept in step with deploy/manifests/common.ts; chart.test.ts compares what both render. */ -}}
{{- define "isthmus.selector" -}}
app.kubernetes.io/name: isthmus
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "isthmus.labels" -}}
{{ include "isthmus.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: isthmus
app.kubernetes.io/managed-by: isthmus-install
{{- end }}

{{- define "isthmus.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "isthmus.labels" . | nindent 2 }}
{{- end }}

{{- define "isthmus.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end }}

{{- define "isthmus.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "isthmus.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "isthmus.site" -}}
apiVersion: isthmus.dev/v1alpha1
kind: Site
metadata:
  name: {{ required "cluster: the name of this cluster is needed, e.g. --set cluster=east" .Values.cluster }}
spec:
  clusterset: {{ required "clusterset: the DNS name of the clusterset is needed, e.g. --set clusterset=prod.example.org" .Values.clusterset }}
  network: {{ .Values.network | default .Values.cluster }}
  {{- with .Values.region }}
  region: {{ . }}
  {{- end }}
  {{- with .Values.zone }}
  zone: {{ . }}
  {{- end }}
  {{- if or .Values.storeServer.enabled .Values.store }}
  store:
    {{- if .Values.storeServer.enabled }}
    - embedded:store-server/store.db
    {{- end }}
    {{- range .Values.store }}
    - {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .Values.joinStore }}
  joinStore: {{ . | quote }}
  {{- end }}
  {{- if eq .Values.podRouting "direct" }}
  podRouting: direct
  {{- end }}
  {{- with .Values.podCIDRs }}
  podCIDRs:
    {{- range . }}
    - {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .Values.serviceCIDRs }}
  serviceCIDRs:
    {{- range . }}
    - {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .Values.imports }}
  imports:
    {{- range . }}
    - {{ . | quote }}
    {{- end }}
  {{- end }}
  failBackAfter: {{ .Values.failBackAfter }}
  withdrawAfter: {{ .Values.withdrawAfter }}
  logLevel: {{ .Values.logLevel }}
  {{- if .Values.authority }}
  authority: true
  {{- end }}
  {{- if .Values.dev }}
  dev: true
  {{- end }}
  kubernetes:
    namespace: {{ .Release.Namespace }}
    {{- with .Values.gateway.addresses }}
    gatewayAddress: {{ first . | quote }}
    {{- end }}
    {{- with .Values.gateway.service }}
    gatewayPort: {{ and (eq .type "NodePort") (gt (int .nodePort) 0) | ternary .nodePort .port }}
    {{- end }}
    {{- if not .Values.dns.enabled }}
    dns: false
    {{- end }}
    {{- if and .Values.storeServer.enabled .Values.storeServer.advertise }}
    storeAddress: {{ .Values.storeServer.advertise | quote }}
    {{- end }}
  listen:
    health: 0.0.0.0:15020
    metrics: 0.0.0.0:15014
    xds: 0.0.0.0:15010
    {{- if .Values.storeServer.enabled }}
    store: 0.0.0.0:15090
    {{- end }}
{{- end }}
