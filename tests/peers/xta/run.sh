#!/usr/bin/env bash
# Lets the XTA client read and send at a server on a SOAP stack of others (JAX-WS RI of Debian), which zeep fills. Needs a JDK, wsimport
# (Debian: jaxws libjaxws-java), openssl, zeep, and the official description with the server's source beside the repository.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
shared=$(cd .. && pwd)/shared
for program in javac java keytool wsimport openssl; do
  command -v "$program" >/dev/null || { echo "missing: $program; no foreign stack served the XTA client"; exit 1; }
done
for file in schemas/xta-2.1.1/XTA.wsdl peers/xta/XtaServer.java peers/xta/mkpki.sh; do
  [ -f "$shared/$file" ] || { echo "missing: $file beside the repository; no foreign stack served the XTA client"; exit 1; }
done
work=$(mkdir -p "${CARGO_TARGET_DIR:-target}/peers/xta" && cd "${CARGO_TARGET_DIR:-target}/peers/xta" && pwd)
jars=(jaxws-api jaxws-rt jaxb-api jaxb-runtime jaxb-core saaj-impl mimepull stax-ex stax2-api streambuffer metro-policy javax.activation
  jws-api istack-commons-runtime txw2 woodstox-core FastInfoset gmbal glassfish-management-api xml-resolver geronimo-annotation-1.3-spec
  relaxngDatatype javax.xml.soap-api)
path=$(printf '/usr/share/java/%s.jar:' "${jars[@]}")
mkdir -p "$work/pki" "$work/gen" "$work/classes"
if [ ! -f "$work/pki/trust.p12" ]; then
  (cd "$work/pki" && bash "$shared/peers/xta/mkpki.sh" &&
    keytool -importcert -noprompt -alias ca -file ca.crt -keystore trust.p12 -storetype PKCS12 -storepass changeit)
fi
if [ ! -f "$work/classes/XtaServer.class" ]; then
  wsimport -extension -keep -Xnocompile -XadditionalHeaders -d "$work/gen" -s "$work/gen" "file://$shared/schemas/xta-2.1.1/XTA.wsdl"
  mapfile -t generated < <(find "$work/gen" -name '*.java')
  javac -nowarn -cp "$path" -d "$work/classes" "${generated[@]}" "$shared/peers/xta/ByteDS.java" "$shared/peers/xta/XtaServer.java"
fi
DREHSCHEIBE_XTA_PEER="$work" DREHSCHEIBE_XTA_PEER_PATH="$work/classes:$path" cargo test --locked --test it xta_peer:: -- --nocapture
